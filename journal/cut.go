package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// Behind the last whole record there may be the beginning of one that was being written when the machine
// went down: nobody was told that it is kept. Anything else there has been damaged since, and may have been
// promised to somebody.

// torn reports whether the cut bytes behind a record can be the beginning of one record and no more.
func torn(r io.ReaderAt, end, cut int64) (bool, error) {
	if cut > MaxRecord+Overhead {
		return false, nil
	}
	tail := make([]byte, cut)
	if n, err := r.ReadAt(tail, end); int64(n) < cut && err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if len(tail) >= 4 {
		length := int64(binary.BigEndian.Uint32(tail))
		if length == 0 || length > MaxRecord || length+Overhead < cut {
			return false, nil
		}
	}
	return !holdsRecord(tail), nil
}

// holdsRecord reports whether there is a whole record anywhere behind the first byte. What would take too
// long to look through counts as one.
func holdsRecord(tail []byte) bool {
	const most = 256 << 20 // bytes to sum up: a tenth of a second. Texts take next to nothing of it.
	work := 0
	for i := 1; i+Overhead < len(tail); i++ {
		length := int64(binary.BigEndian.Uint32(tail[i:]))
		if length == 0 || length > int64(len(tail)-i-Overhead) {
			continue
		}
		if work += int(length); work > most {
			return true
		}
		sum := crc32.Checksum(tail[i:i+4], castagnoli)
		if crc32.Update(sum, castagnoli, tail[i+Overhead:i+Overhead+int(length)]) == binary.BigEndian.Uint32(tail[i+4:]) {
			return true
		}
	}
	return false
}

// cutSuffix ends the name of the file beside a journal in which [Open] keeps what it cut off.
const cutSuffix = ".bad"

// maxCuts bounds how many such files a journal may have; with more of them it is not opened any more.
const maxCuts = 100

// keepCut copies what is to be cut off to a new file beside the journal, through to the disk, and returns
// its name.
func keepCut(r io.ReaderAt, end, cut int64, path string) (string, error) {
	for i := 1; i <= maxCuts; i++ {
		name := path + cutSuffix
		if i > 1 {
			name = fmt.Sprintf("%s.%d", name, i)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			_, err = io.Copy(f, io.NewSectionReader(r, end, cut))
			if err == nil {
				err = f.Sync()
			}
			if err = errors.Join(err, f.Close()); err != nil {
				os.Remove(name)
			}
		}
		if err != nil {
			return "", fmt.Errorf("keeping damaged records as %s: %w", name, plain(err))
		}
		return name, syncFolder(path)
	}
	return "", fmt.Errorf("there are %d files with damaged records of it already", maxCuts)
}
