package config

import (
	"maps"
	"testing"
)

func TestAddressesOfSupport(t *testing.T) {
	const start = "[support]\nrequests_to = \"help@example.org\"\n[support.requests_to_directory]\n"
	c := Defaults()
	l := newLoader("x.toml", c)
	l.readFile([]byte(start + "main = \"main@example.org\"\n\"other-one\" = \"other@example.org\"\n"))
	l.readEnviron([]string{"LATCHKEY_SUPPORT__REQUESTS_TO_DIRECTORY__MAIN=new@example.org"})
	want := map[string]string{"main": "new@example.org", "other-one": "other@example.org"}
	if got := c.Support.RequestsToDirectory; len(l.faults) > 0 || !maps.Equal(got, want) {
		t.Fatalf("%v, want %v; faults %v", got, want, l.faults)
	}
	if faults := c.Support.Faults(); len(faults) > 0 {
		t.Errorf("faults %v", faults)
	}
	l.checkSupport(c, map[string]int{"main": 0})
	if len(l.faults) != 1 || l.faults[0].Key != "support.requests_to_directory.other-one" || l.faults[0].Line != 5 {
		t.Errorf("faults %v, want one about other-one in line 5", l.faults)
	}
	if len(Defaults().Support.RequestsToDirectory) > 0 {
		t.Error("what one configuration says is in the next one's defaults")
	}
}

func TestOnlyTextsMayHaveAnyName(t *testing.T) {
	l := newLoader("x.toml", Defaults())
	l.readFile([]byte("[limits.nonsense]\nrates = [\"1/1m\"]\n[support.requests_to_directory]\nmain = 7\n"))
	if len(l.faults) != 2 {
		t.Errorf("faults %v, want one about the limit and one about the number", l.faults)
	}
}
