package membership

import (
	"strings"
	"testing"
)

// Errors call a membership what its user has called it: without one, that is none.
func TestSettingsAreToldOfTheMembershipAsked(t *testing.T) {
	for _, kind := range append(Table(), Acquainted()) {
		name := kind.Name
		if name == Acquainted().Name {
			name = None
		}
		_, err := kind.Values(map[string]string{"nonsense": "1"})
		if err == nil || !strings.HasPrefix(err.Error(), "membership "+name+" has no setting") {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}
