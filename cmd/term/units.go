package term

import (
	"fmt"
	"strconv"
	"time"
)

// Duration shows a span of time as a person says it: two digits below ten of a unit (1.9 ms),
// whole numbers above (24 ms), and two units from a minute on (2 min 5 s, 3 d 4 h).
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(max(-d, -(d+1))) // the least duration has no positive counterpart
	}
	switch {
	case d == 0:
		return "0 s"
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	}
	for _, u := range []struct {
		size  time.Duration
		limit time.Duration // how many make the next unit
		name  string
	}{{time.Microsecond, 1000, "µs"}, {time.Millisecond, 1000, "ms"}, {time.Second, 60, "s"}} {
		if d >= u.size*u.limit {
			continue
		}
		if tenths := (d + u.size/20) / (u.size / 10); tenths < 100 && tenths%10 != 0 {
			return fmt.Sprintf("%d.%d %s", tenths/10, tenths%10, u.name)
		}
		if whole := (d + u.size/2) / u.size; whole < u.limit {
			return fmt.Sprintf("%d %s", whole, u.name)
		}
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Hour-time.Second/2:
		return twoUnits(d.Round(time.Second), time.Minute, "min", time.Second, "s")
	case d < day-time.Minute/2:
		return twoUnits(d.Round(time.Minute), time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d.Round(time.Hour), day, "d", time.Hour, "h")
}

func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// Since shows how long before now a moment was: "just now" within a second, "3 s ago", or
// "in 3 s" when it is still to come.
func Since(then, now time.Time) string {
	switch d := now.Sub(then); {
	case d <= -time.Second:
		return "in " + Duration(-d)
	case d < time.Second:
		return "just now"
	default:
		return Duration(d) + " ago"
	}
}

// Bytes shows a size in powers of 1024: 812 B, 1.5 KiB, 64 KiB. For exact numbers use [Count].
func Bytes(n int64) string {
	if n < 0 {
		return "-" + Bytes(max(-n, -(n+1)))
	}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size := int64(1024)
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for len(units) > 1 && n >= size*1024-size/2 { // what would round to 1024 is 1 of the next
		size, units = size*1024, units[1:]
	}
	value := float64(n) / float64(size)
	if tenths := int64(value*10 + 0.5); tenths < 100 && tenths%10 != 0 {
		return fmt.Sprintf("%d.%d %s", tenths/10, tenths%10, units[0])
	}
	return fmt.Sprintf("%d %s", int64(value+0.5), units[0])
}

// Count shows a whole number with a comma between thousands: 65,536.
func Count[T ~int | ~int32 | ~int64 | ~uint32 | ~uint64](n T) string {
	digits := strconv.FormatUint(uint64(n), 10)
	sign := ""
	if n < 0 {
		digits, sign = strconv.FormatUint(-uint64(n), 10), "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
