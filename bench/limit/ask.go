package limit

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// Ask runs the program once to ask url one thing, and returns the time from start to end.
func Ask(ctx context.Context, program, url string) (time.Duration, error) {
	began := time.Now()
	out, err := exec.CommandContext(ctx, program, url).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("asklimit: %w: %s", err, out)
	}
	return time.Since(began), nil
}
