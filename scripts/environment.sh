#!/bin/sh
# Makes .venv and installs into it what `make demo` or `make test` needs. Does nothing where that was
# done before for the same pyproject.toml in the same folder.
#
# usage: scripts/environment.sh demo|test
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

die() {
    say "seamwatch: $1"
    shift
    for line in "$@"; do say "  $line"; done
    exit 2
}

# Runs, is new enough, can make environments that hold pip. A shim without a version behind it fails here.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    without_venv=""
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || die "PYTHON=$PYTHON is not a Python of at least 3.11."
        can_make_venv "$PYTHON" || without_venv=$PYTHON
        [ -n "$without_venv" ] || { printf '%s\n' "$PYTHON"; return; }
    else
        for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
            command -v "$candidate" >/dev/null 2>&1 && is_new_enough "$candidate" || continue
            if can_make_venv "$candidate"; then
                printf '%s\n' "$candidate"
                return
            fi
            without_venv=${without_venv:-$candidate}
        done
    fi
    [ -z "$without_venv" ] || die \
        "$without_venv cannot make virtual environments: its venv or ensurepip module is missing." \
        "On Debian and Ubuntu:  apt-get install python3-venv" \
        "Elsewhere, name a complete Python:  make PYTHON=/path/to/python3 ..."
    die "no Python of at least 3.11 found (looked for python3 and python3.11 to python3.14)." \
        "Install one, or name it:  make PYTHON=/path/to/python3 ..."
}

make_venv() {
    # A moved folder leaves absolute paths to its old place in .venv: then it is made anew.
    if is_new_enough .venv/bin/python &&
        { [ ! -f .venv/.folder ] || [ "$(cat .venv/.folder)" = "$(pwd -P)" ]; }; then
        :
    else
        python=$(find_python) || exit 2
        say "Making .venv with $("$python" -V)"
        "$python" -m venv --clear .venv || die "making .venv failed, see above."
    fi
    .venv/bin/python -m pip --version >/dev/null 2>&1 ||
        .venv/bin/python -m ensurepip >/dev/null 2>&1 ||
        die ".venv holds no pip: remove the folder .venv and run this again."
    pwd -P >.venv/.folder
}

install() {
    mkdir -p .cache
    say "Installing $1 (minutes the first time, then nothing; log: .cache/install.log)"
    {
        .venv/bin/python -m pip install --disable-pip-version-check \
            --no-input --prefer-binary --progress-bar off --editable "$1" 2>&1 ||
            echo "installation failed"
    } | tee .cache/install.log | sed -n -e 's/^ *Collecting \([^ ;]*\).*/  \1/p' \
        -e 's/^Installing collected packages.*/  unpacking/p' >&2
    if [ "$(tail -n 1 .cache/install.log)" = "installation failed" ]; then
        tail -n 25 .cache/install.log >&2
        die "pip could not install $1: the end of its log is above."
    fi
}

wanted=${1:-}
case $wanted in
demo) extras=".[demo]" ;;
test) extras=".[all,demo,test,lint]" ;;
*) die "usage: scripts/environment.sh demo|test" ;;
esac

make_venv
state=$(cksum pyproject.toml)
for done_before in "$wanted" test; do
    stamp=.venv/.installed-$done_before
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then exit 0; fi
done
install "$extras"
printf '%s\n' "$state" >".venv/.installed-$wanted"
