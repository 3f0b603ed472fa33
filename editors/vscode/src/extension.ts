// Starts `convlint server` and lets VS Code's own client speak to it; all that is shown comes from there.

import { ChildProcess, spawn } from "node:child_process";
import { commands, ExtensionContext, workspace } from "vscode";
import { LanguageClient } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    commands.registerCommand("convlint.restart", restart),
    workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("convlint.path")) {
        await restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  const ending = client;
  client = undefined;
  await ending?.dispose();
}

async function restart(): Promise<void> {
  await deactivate();
  await start();
}

async function start(): Promise<void> {
  const command = workspace.getConfiguration("convlint").get<string>("path", "convlint");
  client = new LanguageClient("convlint", "convlint", () => launched(command), {
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

/** The server, started; or else what the client shows: why not, and what to do. */
function launched(command: string): Promise<ChildProcess> {
  const server = spawn(command, ["server"], { cwd: workspace.workspaceFolders?.[0]?.uri.fsPath });
  return new Promise((started, failed) => {
    server.once("spawn", () => started(server));
    server.once("error", (error) =>
      failed(
        `\`${command} server\` does not start (${error.message}). ` +
          "Install it with `pip install 'convlint[server]'`, or say in the setting convlint.path where it is.",
      ),
    );
  });
}
