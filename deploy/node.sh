#!/usr/bin/env bash
# Makes node_modules of the given folders from their package-lock.json; costs nothing when it is there.
#
#   bash deploy/node.sh FOLDER…
#
# Needs Node.js of at least 20. Where the system has none, the one from PyPI (deploy/node.txt) is installed
# into .venv. Nothing is written outside this repository, so an empty or read-only HOME does not matter.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fits() {
    node -e 'process.exit(parseInt(process.versions.node, 10) < 20 ? 1 : 0)' 2>/dev/null &&
        command -v npm >/dev/null
}

use_node() {
    fits && return
    PATH="$PWD/.venv/bin:$PATH"
    fits && return
    .venv/bin/python -m pip install --quiet --progress-bar off --require-hashes -r deploy/node.txt
    hash -r
    fits && return
    printf '%s\n' "没有找到 Node.js 20 或更新的版本，也无法从 PyPI 安装。请安装后再执行：https://nodejs.org/" >&2
    return 1
}

# Node brings certificates of its own; a registry behind the machine's proxy needs the machine's.
certificates=/etc/ssl/certs/ca-certificates.crt
if [[ -z ${NODE_EXTRA_CA_CERTS:-} && -r $certificates ]]; then
    export NODE_EXTRA_CA_CERTS=$certificates
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export npm_config_cache="${npm_config_cache:-$PWD/.venv/npm}" npm_config_update_notifier=false

for folder in "$@"; do
    # The lock itself, copied after a success, tells whether what is there was made from it.
    stamp=$folder/node_modules/.made-from.json
    if ! cmp -s "$folder/package-lock.json" "$stamp"; then
        use_node
        # Not --prefix: it would make npm overlook the settings of the machine.
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        cp "$folder/package-lock.json" "$stamp"
    fi
done
