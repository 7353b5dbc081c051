/**
 * The script that runs a SIP server in a pod. A pod's containers get SIGTERM all at the same time, so it waits until
 * the agent, which drains, listens no more on its port, and ends the server then. POSIX: the images' shells differ.
 *
 * `/proc/net/tcp` is the host's, since the network is: the port stands there in hex, state 0A is "listens".
 */
export function podServerScript(server: string, agentPort: number): string {
  const port = agentPort.toString(16).toUpperCase().padStart(4, '0');
  return `set -u
if [ -z "\${CARNA_SIP_HOST:-}" ]; then
  CARNA_SIP_HOST=$HOST
  case $HOST in
  *[!0-9.]*) CARNA_SIP_HOST=$(getent hosts "$HOST" | { read -r address _ && echo "$address"; }) ;;
  esac
fi
CARNA_NODE_ID=\${CARNA_NODE_ID:-$MESOS_TASK_ID}
export CARNA_SIP_HOST CARNA_NODE_ID
agent_listens() { cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':${port} 0*:0000 0A'; }
stopping=
trap 'stopping=1' TERM INT
${server} &
server=$!
code=0
while [ -z "$stopping" ]; do
  wait "$server" && code=0 || code=$?
  kill -0 "$server" 2>/dev/null || exit "$code"
done
while kill -0 "$server" 2>/dev/null && agent_listens; do
  sleep 1
done
kill -s TERM "$server" 2>/dev/null || :
while kill -0 "$server" 2>/dev/null; do wait "$server" || :; done
exit 0`;
}
