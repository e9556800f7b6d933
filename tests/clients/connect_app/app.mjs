// A Connect app as one writes it with atlassian-connect-express: installed by its descriptor, called back when a gate
// moves. Everything that proves who is calling is the framework's; the app remembers what got past that.
//
// In the environment: PORT, AC_LOCAL_BASE_URL, AC_APP_KEY and CONNECT_KEYS_CDN_URL, which are the framework's, and
// FERRY_HOSTS, where to register itself.

import ace from "atlassian-connect-express";
import express from "express";

import { answer } from "../lines.mjs";
import { Settings } from "./settings.mjs";

// Standard output belongs to the calls.
const log = (...words) => console.error(...words);
console.log = log;

ace.store.register("own", () => new Settings());
const app = express();
const hosts = (process.env.FERRY_HOSTS ?? "").split(" ").filter(Boolean);
const config = { development: { store: { adapter: "own" }, watch: false, hosts } };
const addon = ace(app, { config }, { info: log, warn: log, error: log, debug: () => {} });

const heard = [];
const hear = event => (request, response) => {
  heard.push({ event, clientKey: request.context.clientKey, headers: request.headers, body: request.body });
  response.status(204).end();
};

app.use(express.json());
app.use(addon.middleware());
addon.on("host_settings_saved", (clientKey, body) => heard.push({ event: "installed", clientKey, body }));
app.post("/enabled", addon.authenticate(), hear("enabled"));
app.post("/disabled", addon.authenticate(), hear("disabled"));
app.post("/uninstalled", addon.authenticateInstall(), hear("uninstalled"));
app.post("/deployments/gating", addon.authenticate(), hear("gating"));
app.listen(process.env.PORT, "localhost", () => log(`Ferry listens at ${addon.config.localBaseUrl()}`));

/** Call the host as the framework does, on behalf of one installation. */
function ask({ clientKey, method, url, body }) {
  const options = { url, json: body ?? true };
  return new Promise((resolve, reject) => {
    addon.httpClient({ clientKey })[method](options, (error, response, text) =>
      error ? reject(error) : resolve({ status: response.statusCode, headers: response.headers, body: text ?? null }),
    );
  });
}

await answer(
  {
    register: async () => {
      await addon.register();
      return Object.keys(addon._registrations).length;
    },
    heard: () => heard,
    installations: () => addon.settings.getAllClientInfos(),
    /** Go on with an installation of old, as an app does that was restored from a backup. */
    restore: ({ installation }) => addon.settings.set("clientInfo", installation, installation.clientKey),
    forget: ({ clientKey }) => addon.settings.del("clientInfo", clientKey),
    ask,
  },
  () => ({}),
);
