package term

import (
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	twwidth.SetEastAsian(false) // widths as in the west, whatever the locale says
	goleak.VerifyTestMain(m)
}
