// Starts `convlint server` and lets VS Code's own client speak to it; all that is shown comes from there.

import { ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { commands, ExtensionContext, workspace } from "vscode";
import { LanguageClient } from "vscode-languageclient/node";

let client: LanguageClient | undefined;
/** The end of what was begun last: a client that is still starting cannot be stopped. */
let settled: Promise<void> = Promise.resolve();

export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    commands.registerCommand("convlint.restart", restart),
    workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("convlint.path")) {
        await restart();
      }
    }),
    workspace.onDidGrantWorkspaceTrust(restart),
  );
  settled = settled.then(start);
  await settled;
}

export async function deactivate(): Promise<void> {
  settled = settled.then(stop);
  await settled;
}

async function restart(): Promise<void> {
  settled = settled.then(stop).then(start);
  await settled;
}

async function stop(): Promise<void> {
  try {
    await client?.dispose();
  } catch {
    // the client has said why in its output
  }
  client = undefined;
}

async function start(): Promise<void> {
  client = new LanguageClient("convlint", "convlint", () => launched(program()), {
    documentSelector: [
      { scheme: "file", language: "python" },
      { scheme: "untitled", language: "python" },
      { notebook: "jupyter-notebook", language: "python" },
    ],
  });
  try {
    await client.start();
  } catch {
    client = undefined; // the client has shown why
  }
}

/** What the setting names, else what is in the `.venv` of a trusted folder, else what is on the PATH. */
function program(): string {
  const named = workspace.getConfiguration("convlint").get<string>("path");
  if (named) {
    return named;
  }
  const installed = process.platform === "win32" ? ["Scripts", "convlint.exe"] : ["bin", "convlint"];
  const folders = workspace.isTrusted ? (workspace.workspaceFolders ?? []) : [];
  const own = folders.map((folder) => join(folder.uri.fsPath, ".venv", ...installed));
  return own.find((path) => existsSync(path)) ?? "convlint";
}

/** The server, started; or else what the client shows: why not, and what to do. */
function launched(command: string): Promise<ChildProcess> {
  // Windows looks for programs in the working directory first: not in that of a folder that is not trusted
  const folder = workspace.isTrusted ? workspace.workspaceFolders?.[0]?.uri.fsPath : undefined;
  const server = spawn(command, ["server"], { cwd: folder });
  return new Promise((started, failed) => {
    server.once("spawn", () => started(server));
    server.once("error", (error) =>
      failed(
        `\`${command} server\` does not start (${error.message}). ` +
          "Install it with `pip install 'convlint[server]'`, in the folder's .venv or where the PATH leads, " +
          "or say in the setting convlint.path where it is.",
      ),
    );
  });
}
