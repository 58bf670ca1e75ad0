package main

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// longestStream bounds what one Repeat may ask for.
const longestStream = 1_000_000

// newRPC returns the gRPC server: actor.Echo and grpc.health.v1.
func (a *actor) newRPC() *grpc.Server {
	server := grpc.NewServer(
		grpc.UnaryInterceptor(a.seeUnary), grpc.StreamInterceptor(a.seeStream),
	)
	server.RegisterService(&echoService, echo{})
	healthpb.RegisterHealthServer(server, health{probes: a.probes, streams: &a.streams})
	return server
}

// seeRPC notes a call; business is refused while the program is starting.
func (a *actor) seeRPC(ctx context.Context, method string) (*answering, error) {
	sent, _ := metadata.FromIncomingContext(ctx)
	id := strings.Join(sent.Get(requestIDMetadata), "")
	agent := strings.Join(sent.Get("user-agent"), "")
	answer := a.served.receive(id, protocolGRPC, "POST", method, agent)
	if pathClass(method) == "business" && a.probes.isStarting() {
		answer.end(true)
		return nil, status.Error(codes.Unavailable, "starting")
	}
	return answer, nil
}

func (a *actor) seeUnary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler,
) (any, error) {
	answer, err := a.seeRPC(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	reply, err := next(ctx, request)
	check, isCheck := reply.(*healthpb.HealthCheckResponse)
	isDown := isCheck && check.GetStatus() != healthpb.HealthCheckResponse_SERVING
	answer.end(err != nil || isDown)
	return reply, err
}

func (a *actor) seeStream(
	server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler,
) error {
	answer, err := a.seeRPC(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	err = next(server, stream)
	answer.end(err != nil)
	return err
}

// echo is the server of actor.Echo.
type echo struct{}

// Say answers its text.
func (echo) Say(_ context.Context, text *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return text, nil
}

// Repeat answers the request's id as many times as asked.
func (echo) Repeat(times *wrapperspb.UInt32Value, stream grpc.ServerStream) error {
	if times.GetValue() > longestStream {
		return status.Errorf(codes.InvalidArgument, "at most %d messages", longestStream)
	}
	sent, _ := metadata.FromIncomingContext(stream.Context())
	message := wrapperspb.String(strings.Join(sent.Get(requestIDMetadata), ""))
	for range times.GetValue() {
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
	return nil
}

// health answers grpc.health.v1 for the services "startup", "readiness" and "liveness"; the whole
// server, "", is as ready as the readiness probe.
type health struct {
	healthpb.UnimplementedHealthServer // for List, which nobody here asks
	probes                             *probes
	streams                            *streams
}

func (h health) probe(service string) (string, error) {
	if service == "" {
		return probeReadiness, nil
	}
	for _, probe := range probeNames {
		if service == probe {
			return probe, nil
		}
	}
	return "", status.Errorf(codes.NotFound, "no service %q", service)
}

func healthOf(passes bool) *healthpb.HealthCheckResponse {
	if passes {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}
}

// Check answers one probe, and uses up a failure asked for.
func (h health) Check(
	_ context.Context, asked *healthpb.HealthCheckRequest,
) (*healthpb.HealthCheckResponse, error) {
	probe, err := h.probe(asked.GetService())
	if err != nil {
		return nil, err
	}
	return healthOf(h.probes.answer(probe)), nil
}

// Watch sends the state now and each time it changes.
func (h health) Watch(asked *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	probe, err := h.probe(asked.GetService())
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	forget := h.streams.add(func() { close(stopped) })
	defer forget()
	for sent, before := false, false; ; {
		passes, changed := h.probes.look(probe)
		if !sent || passes != before {
			if err := stream.Send(healthOf(passes)); err != nil {
				return err
			}
			sent, before = true, passes
		}
		select {
		case <-changed:
		case <-stopped:
			return status.Error(codes.Unavailable, "stopping")
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}
