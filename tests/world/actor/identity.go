package main

import "strings"

// How a request says which one it is. WebSocket messages and TCP lines are the id itself.
const (
	requestIDHeader   = "X-Request-Id"
	requestIDMetadata = "x-request-id"
)

// The protocols by the names that the ledger, the counts and the metrics use.
const (
	protocolHTTP1     = "http/1.1"
	protocolHTTP2     = "http/2"
	protocolGRPC      = "grpc"
	protocolWebSocket = "websocket"
	protocolTCP       = "tcp"
)

// userAgent is how `actor call` names itself.
const userAgent = "actor"

// agentProducts are the callers told apart, by how their User-Agent starts. The spelling is the
// callers' own; the class is the same word in lower case.
var agentProducts = []string{
	"kube-probe", "Prometheus", "vmagent", "ELB-HealthChecker", "GoogleHC",
	"Edge Health Probe", "Load Balancer Agent", "Amazon-Route53-Health-Check-Service",
	"Envoy/HC", "Consul Health Check", "Blackbox Exporter", "Pingdom.com_bot",
	userAgent, "curl", "Wget", "Mozilla", "Go-http-client", "python-httpx", "grpc-",
}

// agentClass returns the class of a User-Agent: one of a closed list, "none" or "other".
func agentClass(agent string) string {
	if agent == "" {
		return "none"
	}
	for _, product := range agentProducts {
		if strings.HasPrefix(agent, product) {
			return strings.ToLower(strings.TrimSuffix(product, "-"))
		}
	}
	return "other"
}

// pathClass returns what a path is for: business, health, metrics or control.
func pathClass(path string) string {
	switch {
	case path == "/metrics":
		return "metrics"
	case probeOfPath(path) != "", strings.HasPrefix(path, "/grpc.health.v1.Health/"):
		return "health"
	case strings.HasPrefix(path, controlPrefix):
		return "control"
	}
	return "business"
}

// controlPrefix starts the paths by which a test steers an actor; they are neither counted nor
// written into the ledger, because they belong to the test and not to the workload.
const controlPrefix = "/actor/"
