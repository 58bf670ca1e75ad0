package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The gRPC service `actor.Echo`, described by hand so that no protoc is needed:
//
//	rpc Say(google.protobuf.StringValue) returns (google.protobuf.StringValue)
//	rpc Repeat(google.protobuf.UInt32Value) returns (stream google.protobuf.StringValue)
//
// Say answers its text; Repeat answers the request's id as many times as it is asked to.
const (
	sayMethod    = "/actor.Echo/Say"
	repeatMethod = "/actor.Echo/Repeat"
)

// echoServer is what a server of `actor.Echo` can do.
type echoServer interface {
	Say(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
	Repeat(*wrapperspb.UInt32Value, grpc.ServerStream) error
}

var echoService = grpc.ServiceDesc{
	ServiceName: "actor.Echo",
	HandlerType: (*echoServer)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: answerSay}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Repeat", Handler: answerRepeat, ServerStreams: true},
	},
}

func answerSay(
	server any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
) (any, error) {
	text := new(wrapperspb.StringValue)
	if err := decode(text); err != nil {
		return nil, err
	}
	answer := func(ctx context.Context, request any) (any, error) {
		return server.(echoServer).Say(ctx, request.(*wrapperspb.StringValue))
	}
	if intercept == nil {
		return answer(ctx, text)
	}
	return intercept(ctx, text, &grpc.UnaryServerInfo{Server: server, FullMethod: sayMethod}, answer)
}

func answerRepeat(server any, stream grpc.ServerStream) error {
	times := new(wrapperspb.UInt32Value)
	if err := stream.RecvMsg(times); err != nil {
		return err
	}
	return server.(echoServer).Repeat(times, stream)
}

// say sends one unary request named id and returns the text that came back.
func say(ctx context.Context, conn grpc.ClientConnInterface, id, text string) (string, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, requestIDMetadata, id)
	answer := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, sayMethod, wrapperspb.String(text), answer)
	return answer.GetValue(), err
}

// repeat opens one stream named id; each call of what it returns receives the next message, until
// io.EOF. Cancel ctx to give up early.
func repeat(
	ctx context.Context, conn grpc.ClientConnInterface, id string, times uint32,
) (func() (string, error), error) {
	ctx = metadata.AppendToOutgoingContext(ctx, requestIDMetadata, id)
	stream, err := conn.NewStream(ctx, &echoService.Streams[0], repeatMethod)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(wrapperspb.UInt32(times)); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	return func() (string, error) {
		answer := new(wrapperspb.StringValue)
		err := stream.RecvMsg(answer)
		return answer.GetValue(), err
	}, nil
}
