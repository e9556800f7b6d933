// Answers calls that come over standard input, a line of JSON each, and go out the same way:
//   {"call": "name", "with": {…}}  ->  {"gave": …}  or  {"threw": {…}}
// Whatever else a library prints has to go to standard error.

import { createInterface } from "node:readline";

/** Answer each line with one of `calls`, one after another, until the other side closes. */
export async function answer(calls, describe) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, with: parameters } = JSON.parse(line);
    process.stdout.write(JSON.stringify(await outcome(calls[call], parameters, describe)) + "\n");
  }
}

async function outcome(call, parameters, describe) {
  try {
    return { gave: (await call(parameters)) ?? null };
  } catch (error) {
    return { threw: { name: error.name, message: error.message, ...describe(error) } };
  }
}
