#!/usr/bin/env bash
# Makes .venv from requirements.lock and installs fangpin into it, on Debian, Ubuntu and the like.
#
# Called by `make`. It needs a Python of at least 3.11. What is missing and can be had from apt is
# installed where that needs no password; everything else is named with what to do about it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/apt.sh
source deploy/apt.sh

refuse() {
    printf '%s\n' "$@" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local name
    for name in python3.11 python3.12 python3.13 python3.14 python3; do
        if command -v "$name" >/dev/null && fits "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    # Debian 12 and later have one in their own packages; Ubuntu 22.04 has python3.11 in "universe".
    try_install python3.11 python3.11-venv || try_install python3 python3-venv || true
    python=$(find_python) || refuse \
        "没有找到 Python 3.11 或更新的版本。请安装后再执行 make：" \
        "  Debian / Ubuntu: apt-get install python3.11 python3.11-venv" \
        "  其他系统: https://www.python.org/downloads/"
fi

# Debian splits venv and ensurepip from the interpreter, and names the package after its version.
has_venv() {
    "$python" -c 'import venv, ensurepip' 2>/dev/null
}
if ! has_venv; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    try_install "python$version-venv" || try_install python3-venv || true
    has_venv || refuse "$python 缺少 venv，请执行：apt-get install python$version-venv（或 python3-venv），然后再执行 make。"
fi

# The MongoDB inside the wheel is for Linux on x86-64 alone, and the one library it lacks is libcurl.
has_libcurl() {
    "$python" -c 'import ctypes; ctypes.CDLL("libcurl.so.4")' 2>/dev/null
}
if [ "$(uname -sm)" = "Linux x86_64" ] && ! command -v mongod >/dev/null && ! has_libcurl; then
    # Ubuntu 24.04 and Debian 13 call the same library libcurl4t64.
    try_install libcurl4 || try_install libcurl4t64 || true
    has_libcurl || printf '%s\n' \
        "内置的 MongoDB 需要系统库 libcurl4，请执行：apt-get install libcurl4；或用 FANGPIN_MONGODB_URI 指定已有的 MongoDB。" >&2
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# A venv that works is brought up to date; one whose interpreter has gone is made anew.
if ! { fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    "$python" -m venv --clear .venv
fi
.venv/bin/python -m pip install --quiet --progress-bar off --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --progress-bar off --no-deps --no-build-isolation -e .
touch .venv/stamp
