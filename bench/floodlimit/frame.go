package main

import (
	"encoding/binary"
	"fmt"
)

// A frame is the length of what follows (4 bytes), the origin (4), the sequence number at that
// origin (4) and the body; integers are little-endian.
const (
	prefixBytes = 4
	headBytes   = 8
)

// Bounds that keep a wrong frame from costing memory.
const (
	maxBody   = 32 << 10 // a whole frame must fit the read buffer
	maxOrigin = 1<<16 - 1
	maxSeq    = 1<<20 - 1 // one byte of state each: at most 1 MiB an origin
	maxPeers  = 250       // a peer's place has to fit the byte kept for each message
)

// appendFrame appends one frame to buf.
func appendFrame(buf []byte, origin, seq int, body []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(headBytes+len(body)))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(origin))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(seq))
	return append(buf, body...)
}

// frame is one frame as it lies in a buffer.
type frame struct {
	origin, seq int
	raw         []byte // all of it, ready to be relayed
}

// nextFrame reads the first frame of buf. It returns a frame with raw == nil when buf does not
// hold a whole one yet, and an error when what it holds can never become one.
func nextFrame(buf []byte) (frame, error) {
	if len(buf) < prefixBytes {
		return frame{}, nil
	}
	length := int(binary.LittleEndian.Uint32(buf))
	if length < headBytes || length > headBytes+maxBody {
		return frame{}, fmt.Errorf("a frame of %d bytes; %d to %d are allowed", length, headBytes, headBytes+maxBody)
	}
	if len(buf) < prefixBytes+length {
		return frame{}, nil
	}
	f := frame{
		origin: int(binary.LittleEndian.Uint32(buf[prefixBytes:])),
		seq:    int(binary.LittleEndian.Uint32(buf[prefixBytes+4:])),
		raw:    buf[:prefixBytes+length],
	}
	if f.origin < 1 || f.origin > maxOrigin || f.seq > maxSeq {
		return frame{}, fmt.Errorf("a frame named %d.%d, out of bounds", f.origin, f.seq)
	}
	return f, nil
}
