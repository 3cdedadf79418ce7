package term

import (
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	twwidth.SetOptions(twwidth.Options{}) // widths as in the west, whatever the locale says
	goleak.VerifyTestMain(m)
}
