// Runs n8n's Action Network node for the drill: `node run_node.js FOLDER`, where FOLDER has
// node_modules. It reads calls from standard input, one JSON object a line, and writes an outcome
// for each, after an "@" that tells its lines from n8n's own.
"use strict";

const { createRequire } = require("node:module");
const path = require("node:path");
const readline = require("node:readline");

const load = createRequire(path.resolve(process.argv[2], "unused.js"));
const { ExecuteContext, LoadOptionsContext } = load("n8n-core");
const { Workflow, createEmptyRunExecutionData } = load("n8n-workflow");
const { ActionNetwork } = load("n8n-nodes-base/dist/nodes/ActionNetwork/ActionNetwork.node.js");
const { ActionNetworkApi } = load("n8n-nodes-base/dist/credentials/ActionNetworkApi.credentials.js");

const NAME = "Action Network";
const TYPE = "n8n-nodes-base.actionNetwork";
const CREDENTIAL = "actionNetworkApi";
const node = new ActionNetwork();
const credential = new ActionNetworkApi();
const nodeTypes = {
  getByName: () => node,
  getByNameAndVersion: () => node,
  getKnownTypes: () => ({}),
};
// What n8n's server does with its database of credentials: there is one here.
const credentialsHelper = {
  authenticate: (data, _type, options) => credential.authenticate(data, options),
  getCredentialsProperties: () => credential.properties,
  getDecrypted: async () => ({ apiKey: process.env.API_KEY }),
  getParentTypes: () => [],
  isCredentialUsableByNode: () => true,
  preAuthentication: async () => undefined,
};
const additionalData = { credentialsHelper, executionId: "1", variables: {} };

function workflowOf(parameters) {
  const placed = {
    id: "1",
    name: NAME,
    type: TYPE,
    typeVersion: 1,
    position: [0, 0],
    parameters,
    credentials: { [CREDENTIAL]: { id: "1", name: "ours" } },
  };
  return new Workflow({
    id: "1",
    name: "drill",
    nodes: [placed],
    connections: {},
    active: false,
    nodeTypes,
  });
}

function contextOf(parameters) {
  const workflow = workflowOf(parameters);
  const placed = workflow.getNode(NAME);
  const input = [{ json: {} }];
  const data = { main: [input] };
  return new ExecuteContext(
    workflow,
    placed,
    additionalData,
    "manual",
    createEmptyRunExecutionData(),
    0,
    input,
    data,
    { data, node: placed, source: null },
    [],
  );
}

const CALLS = {
  // Executes the node.
  execute: async ({ parameters }) => {
    const [items] = await node.execute.call(contextOf(parameters));
    return items.map((item) => item.json);
  },
  // Loads the choices of a field, as n8n's editor does.
  choices: async ({ method, parameters }) => {
    const workflow = workflowOf(parameters);
    const context = new LoadOptionsContext(workflow, workflow.getNode(NAME), additionalData, "");
    return await node.methods.loadOptions[method].call(context);
  },
  // Tests the credential with the request that it describes.
  test: async () => {
    const { baseURL, url } = credential.test.request;
    const options = { method: "GET", uri: `${baseURL}${url}`, json: true };
    const { helpers } = contextOf({ resource: "event", operation: "getAll" });
    return [await helpers.requestWithAuthentication.call(contextOf({}), CREDENTIAL, options)];
  },
};

async function outcome(line) {
  const call = JSON.parse(line);
  try {
    return { items: await CALLS[call.call](call) };
  } catch (error) {
    const { name, message, description, httpCode } = error;
    return { error: { name, message, description, httpCode } };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`\n@${JSON.stringify(await outcome(line))}\n`);
  }
  process.exit(0);
})();
