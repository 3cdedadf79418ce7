package membership

var acquaintKind = Kind{
	Name:     "acquaint",
	Summary:  "everybody comes to know everybody and hears who leaves; nobody is noticed to be dead",
	Follows:  "the dissemination component of SWIM (Das, Gupta, Motivala 2002) and the push-pull of hashicorp/memberlist",
	Settings: spreading,
	Make:     makeCore,
}
