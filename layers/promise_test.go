package layers

import (
	"testing"
	"time"
)

// What is promised follows from what the nodes are made of, and from their settings.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		want Promise
	}{
		{"told their peers", Spec{}, Promise{ValuesRounds: 15 * time.Second}},
		{"none", Spec{Membership: "none", ValuesEvery: 200 * time.Millisecond}, Promise{ValuesRounds: 3 * time.Second}},
		{"they find each other", Spec{Assembles: true}, Promise{Membership: "acquainted", AliveWithin: time.Minute, ValuesRounds: 15 * time.Second}},
		{"settings", Spec{Assembles: true, MembershipSettings: map[string]string{"sync": "5s"}}, Promise{Membership: "acquainted", AliveWithin: 10 * time.Second, ValuesRounds: 15 * time.Second}},
	} {
		if got, err := c.spec.Promise(16); got != c.want || err != nil {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	few, err := (&Spec{Membership: "swim"}).Promise(4)
	many, _ := (&Spec{Membership: "swim"}).Promise(1000)
	fast, refused := (&Spec{Membership: "swim", MembershipSettings: map[string]string{"period": "100ms", "timeout": "50ms", "dead-call": "1s", "sync": "3s"}}).Promise(4)
	switch {
	case err != nil || few.Membership != "swim" || few.AliveWithin != 50*time.Second || few.DeadWithin < 5*time.Second:
		t.Errorf("%+v, %v", few, err)
	case many.DeadWithin <= few.DeadWithin || many.DeadWithin > time.Minute:
		t.Errorf("among 1000 a death is known after %v, among 4 after %v", many.DeadWithin, few.DeadWithin)
	case refused != nil || fast.DeadWithin >= few.DeadWithin || fast.AliveWithin != 5*time.Second:
		t.Errorf("%+v, %v", fast, refused)
	}
	for _, bad := range []Spec{{Membership: "swam"}, {Membership: "swim", MembershipSettings: map[string]string{"perriod": "1s"}}} {
		if _, err := bad.Promise(4); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// A node that finds its peers has about as many as its membership chooses.
func TestDegrees(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want int
	}{
		{Spec{Assembles: true}, 4}, {Spec{Membership: "swim", MembershipSettings: map[string]string{"peers": "6"}}, 6},
		{Spec{Membership: "swim", MembershipSettings: map[string]string{"peers": "0"}}, 15},
	} {
		if got := c.spec.Degree(16); got != c.want {
			t.Errorf("%+v: %d", c.spec, got)
		}
	}
}
