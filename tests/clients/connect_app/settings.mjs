// The installations an app knows, in memory: atlassian-connect-express' own stores want a database each.

export class Settings {
  #values = new Map();

  async get(key, clientKey) {
    return this.#values.get(`${key}:${clientKey}`) ?? null;
  }

  async set(key, value, clientKey) {
    this.#values.set(`${key}:${clientKey}`, value);
    return value;
  }

  async del(key, clientKey) {
    this.#values.delete(`${key}:${clientKey}`);
  }

  async saveInstallation(value, clientKey) {
    return this.set("clientInfo", value, clientKey);
  }

  async getAllClientInfos() {
    return [...this.#values].filter(([key]) => key.startsWith("clientInfo:")).map(([, value]) => value);
  }

  /** Told so, the framework registers itself anew at each start, and takes itself away at its end. */
  isMemoryStore() {
    return true;
  }
}
