// Starts `convlint server` and lets VS Code's own client speak to it; all that is shown comes from there.

import { commands, ExtensionContext, window, workspace } from "vscode";
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
  client = new LanguageClient(
    "convlint",
    "convlint",
    { command, args: ["server"] },
    {
      documentSelector: [
        { scheme: "file", language: "python" },
        { scheme: "untitled", language: "python" },
        { notebook: "jupyter-notebook", language: "python" },
      ],
    },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    await window.showErrorMessage(
      `convlint: \`${command} server\` does not start (${error}). ` +
        "Install it with `pip install 'convlint[server]'`, or say in the setting convlint.path where it is.",
    );
  }
}
