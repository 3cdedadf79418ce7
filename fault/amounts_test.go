package fault

import "testing"

func TestParseShare(t *testing.T) {
	for text, want := range map[string]float64{"0.5": 0.5, "50%": 0.5, " 1 ": 1, "150%": 1.5, "-1": -1, "1e-3": 0.001} {
		if got, ok := ParseShare(text); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "%", "half", "NaN", "0x10p-4", "5%%"} {
		if got, ok := ParseShare(text); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]float64{"64B": 64, "10KB": 10_000, "10kB": 10_000, "1.5MiB": 3 << 19, "2 GB": 2e9, "1GiB": 1 << 30} {
		if got, ok := ParseBytes(text); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "B", "64", "0x1MB", "NaNB", "tenKB"} {
		if got, ok := ParseBytes(text); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}
