#!/usr/bin/env bash
# install.sh node|python FOLDER: installs the pinned packages into FOLDER if they have changed.
# Copies the scripts to FOLDER too, because node searches modules from the folder of a script.
# Exit code 69: the last line names what this machine lacks.
set -euo pipefail
runtime=$1
mkdir -p "$2"
into=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

lacks() {
    echo "$1"
    exit 69
}

install_node() {
    cp package.json package-lock.json "$into"
    (cd "$into" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000)
}

install_python() {
    python3 -m venv "$into"
    # The list includes all dependencies; only binary packages are used.
    "$into/bin/python" -m pip install --quiet --disable-pip-version-check --retries=2 --timeout=20 \
        --no-deps --only-binary :all: --requirement requirements.txt
}

case $runtime in
node)
    list=package-lock.json
    is_recent='process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
    { node -e "$is_recent" && npm -v; } >/dev/null 2>&1 || lacks 'node 20 or later is not installed'
    ;;
python)
    list=requirements.txt
    is_recent='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'
    python3 -c "$is_recent" >/dev/null 2>&1 || lacks 'python 3.10 or later with venv is not installed'
    ;;
esac

if ! cmp -s "$list" "$into/installed"; then
    rm -rf "$into"
    mkdir -p "$into"
    "install_$runtime"
    # Written last, so that an interrupted installation starts again.
    cp "$list" "$into/installed"
fi
cp -R servers clients "$into"
