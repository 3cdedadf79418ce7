package api

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"

	"gossipctl/gossip"
)

// A batch travels as bytes: the length of each message as an unsigned varint, and the message. The
// relay limit is the query's. As JSON its messages would be base64, and be read through five times.
const batchType = "application/octet-stream"

// ReadPublish reads a request to publish: as JSON, or a batch as bytes.
func ReadPublish(w http.ResponseWriter, r *http.Request) (PublishRequest, error) {
	if r.Header.Get("Content-Type") == batchType {
		return readBatch(w, r)
	}
	var req PublishRequest
	err := DecodeRequest(w, r, &req)
	return req, err
}

// appendBatch writes a batch.
func appendBatch(dst []byte, bodies [][]byte) []byte {
	for _, body := range bodies {
		dst = binary.AppendUvarint(dst, uint64(len(body)))
		dst = append(dst, body...)
	}
	return dst
}

// readBatch reads the batch of a request. The bodies are pieces of one buffer.
func readBatch(w http.ResponseWriter, r *http.Request) (PublishRequest, error) {
	relays, err := number(r, "relays")
	if err != nil {
		return PublishRequest{}, err
	}
	if r.ContentLength < 0 || r.ContentLength > MaxRequest {
		return PublishRequest{}, NewError(CodeTooLarge, fmt.Sprintf("a batch must say how long it is, at most %d bytes", MaxRequest), "")
	}
	data := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(http.MaxBytesReader(w, r.Body, MaxRequest), data); err != nil {
		return PublishRequest{}, NewError(CodeUsage, "the request was cut short", "")
	}
	req := PublishRequest{Batch: [][]byte{}, Relays: int(relays)}
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return req, NewError(CodeUsage, fmt.Sprintf("message %d of the batch is cut short", len(req.Batch)+1), "")
		}
		if size > gossip.MaxBody {
			return req, NewError(CodeTooLarge, fmt.Sprintf("message %d of the batch has %d bytes, the limit is %d", len(req.Batch)+1, size, gossip.MaxBody), "")
		}
		req.Batch = append(req.Batch, data[n:n+int(size):n+int(size)])
		data = data[n+int(size):]
	}
	return req, nil
}
