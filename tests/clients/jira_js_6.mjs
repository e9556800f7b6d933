// jira.js 6: its Agile client, with whatever configuration a call names. A reply that does not fit its schemas is an
// error here; by itself it would only warn.

import { createAgileClient } from "jira.js-6";

import { answer } from "./lines.mjs";

function calling(operation) {
  return ({ config, parameters }) => {
    const client = createAgileClient({ onSchemaMismatch: "throw", ...config, auth: withProvider(config.auth) });
    return client.deployments[operation](parameters);
  };
}

/** Make of `{type: "bearer", provided: token}` a bearer that is asked for its token, which JSON cannot say. */
function withProvider(auth) {
  return auth?.provided === undefined ? auth : { type: auth.type, getToken: async () => auth.provided };
}

await answer(
  {
    submit: calling("submitDeployments"),
    read: calling("getDeploymentByKey"),
    gatingStatus: calling("getDeploymentGatingStatusByKey"),
    delete: calling("deleteDeploymentByKey"),
    deleteByProperty: calling("deleteDeploymentsByProperty"),
    // Filled in by the library under AUDIT_SCHEMAS=true: fields that its schemas do not know.
    drift: () => globalThis[Symbol.for("apis-code-gen.schemaAudit")] ?? [],
  },
  error => ({ status: error.status, body: error.body, issues: error.report?.issues ?? error.issues }),
);
