// jira.js 5: its Agile client, with whatever configuration a call names.

import { AgileClient } from "jira.js-5";

import { answer } from "./lines.mjs";

function calling(operation) {
  return ({ config, parameters }) => new AgileClient(config).deployments[operation](parameters);
}

await answer(
  {
    submit: calling("submitDeployments"),
    read: calling("getDeploymentByKey"),
    gatingStatus: calling("getDeploymentGatingStatusByKey"),
    delete: calling("deleteDeploymentByKey"),
    deleteByProperty: calling("deleteDeploymentsByProperty"),
  },
  error => ({ status: error.status, body: error.cause?.response?.data ?? error.response?.data }),
);
