#!/usr/bin/env bash
# Makes sure that the browser tests find Chromium and a Chinese font, both from Debian's packages: the Chromium
# without windows, else the whole one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/apt.sh
source deploy/apt.sh

missing=()
if ! command -v chromium-headless-shell >/dev/null && ! try_install chromium-headless-shell; then
    command -v chromium >/dev/null || missing+=(chromium)
fi
# A folder that does not exist makes find fail although it looks into the others.
fonts=$(find /usr/share/fonts /usr/local/share/fonts "${HOME:-/nonexistent}/.fonts" \
    \( -iname 'wqy*' -o -iname '*NotoSansCJK*' \) -print -quit 2>/dev/null || true)
if [ -z "$fonts" ]; then
    missing+=(fonts-wqy-microhei)
fi
if [ "${#missing[@]}" -gt 0 ] && ! try_install "${missing[@]}"; then
    printf '%s\n' "浏览器测试需要系统软件包，请执行：apt-get install ${missing[*]}，然后再执行 make test。" >&2
    exit 1
fi
