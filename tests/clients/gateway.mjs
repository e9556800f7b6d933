// Leads what goes to https://api.atlassian.com to the server in MITREGATE_URL: what a name server and a certificate of
// their own do for those who cannot change the address in a client. Both versions of jira.js have it built in.

const server = process.env.MITREGATE_URL;
const plain = globalThis.fetch;

globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  if (url.host !== "api.atlassian.com") return plain(input, init);
  const there = server + url.pathname + url.search;
  return plain(input instanceof Request ? new Request(there, input) : there, init);
};
