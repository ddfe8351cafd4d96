#!/usr/bin/env bash
# Works on the phone client in miniprogram/: what the Makefile and the image need of it.
#
#   bash deploy/phone.sh build    both builds: server/phone_pages and miniprogram/dist/build/mp-weixin
#   bash deploy/phone.sh types    the API's types from docs/openapi.json
#   bash deploy/phone.sh check    types up to date, and every call and component fits them
#   bash deploy/phone.sh test     unit tests
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash deploy/node.sh miniprogram
# Where the system has no Node.js, the one from PyPI is here.
export PATH="$PWD/.venv/bin:$PATH"
# uni-app asks a person no questions and reports to nobody when it is told that this is a build machine.
export CI=1
export npm_config_update_notifier=false
cd miniprogram

# A build that works has nothing to say, whatever the tools would like to.
quietly() {
    local said
    said=$("$@" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

case "$1" in
build)
    printf '%s\n' "正在构建手机端（网页和小程序）……"
    quietly npm run --silent build:h5
    quietly npm run --silent build:mp
    ;;
types | check | test) npm run --silent "$1" ;;
*)
    printf '%s\n' "不认识的命令：$1（可用：build types check test）" >&2
    exit 2
    ;;
esac
