#!/usr/bin/env bash
# Looks for known weaknesses in what is locked, and for secrets in what is tracked; see deploy/audit.py.
#
#   bash deploy/audit.sh              fails as well when a database of advisories cannot be asked
#   OFFLINE=1 bash deploy/audit.sh    asks none, and says so
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"
# Node brings certificates of its own; a registry behind the machine's proxy needs the machine's.
certificates=/etc/ssl/certs/ca-certificates.crt
if [[ -z ${NODE_EXTRA_CA_CERTS:-} && -r $certificates ]]; then
    export NODE_EXTRA_CA_CERTS=$certificates
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export npm_config_cache="${npm_config_cache:-$PWD/.venv/npm}" npm_config_update_notifier=false

tools=(-r deploy/audit.txt)
command -v npm >/dev/null || tools+=(-r deploy/node.txt)
# Nothing but this command needs them, so `make` alone does not install them.
python -m pip install --quiet --progress-bar off --require-hashes "${tools[@]}"
exec python deploy/audit.py
