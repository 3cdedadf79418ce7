package term

import (
	"math"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0 s"},
		{850, "850 ns"},
		{999, "999 ns"},
		{1000, "1 µs"},
		{1900, "1.9 µs"},
		{1949, "1.9 µs"},
		{1950, "2 µs"},
		{9949, "9.9 µs"},
		{9950, "10 µs"},
		{999_499, "999 µs"},
		{999_500, "1 ms"},
		{1900 * time.Microsecond, "1.9 ms"},
		{24 * time.Millisecond, "24 ms"},
		{999_600 * time.Microsecond, "1 s"},
		{2400 * time.Millisecond, "2.4 s"},
		{30 * time.Second, "30 s"},
		{59_499 * time.Millisecond, "59 s"},
		{59_500 * time.Millisecond, "1 min"},
		{125 * time.Second, "2 min 5 s"},
		{time.Hour - time.Second, "59 min 59 s"},
		{time.Hour - time.Millisecond, "1 h"},
		{123 * time.Minute, "2 h 3 min"},
		{24*time.Hour - time.Second, "1 d"},
		{76 * time.Hour, "3 d 4 h"},
		{-1900 * time.Microsecond, "-1.9 ms"},
		{math.MaxInt64, "106751 d 23 h"},
		{math.MinInt64, "-106751 d 23 h"},
	} {
		if got := Duration(c.d); got != c.want {
			t.Errorf("Duration(%d ns) = %q, want %q", c.d, got, c.want)
		}
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "just now"},
		{999 * time.Millisecond, "just now"},
		{-999 * time.Millisecond, "just now"},
		{3 * time.Second, "3 s ago"},
		{5 * time.Minute, "5 min ago"},
		{-2 * time.Hour, "in 2 h"},
	} {
		if got := Since(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%v ago is %q, want %q", c.ago, got, c.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		n    int64
		want string
	}{
		{0, "0 B"},
		{812, "812 B"},
		{1023, "1023 B"},
		{1024, "1 KiB"},
		{1536, "1.5 KiB"},
		{64 << 10, "64 KiB"},
		{1<<20 - 512, "1 MiB"},
		{1<<20 - 513, "1023 KiB"},
		{1 << 20, "1 MiB"},
		{5 << 30, "5 GiB"},
		{math.MaxInt64, "8 EiB"},
		{math.MinInt64, "-8 EiB"},
	} {
		if got := Bytes(c.n); got != c.want {
			t.Errorf("Bytes(%d) = %q, want %q", c.n, got, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{
		{0, "0"}, {7, "7"}, {999, "999"}, {1000, "1,000"}, {65536, "65,536"}, {10_000_000, "10,000,000"},
		{-1, "-1"}, {-999, "-999"}, {-1000, "-1,000"},
		{math.MinInt64, "-9,223,372,036,854,775,808"},
	} {
		if got := Count(c.n); got != c.want {
			t.Errorf("Count(%d) = %q, want %q", c.n, got, c.want)
		}
	}
	if got := Count(uint64(math.MaxUint64)); got != "18,446,744,073,709,551,615" {
		t.Errorf("the largest number is %q", got)
	}
	if got := Count(int32(math.MinInt32)); got != "-2,147,483,648" {
		t.Errorf("the least small number is %q", got)
	}
}
