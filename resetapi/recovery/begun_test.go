package recovery

import (
	"testing"
	"testing/synctest"
)

// TestALookupHasOneHand: the first who comes to a look-up makes it, the second
// waits for it, and later ones find none to make.
func TestALookupHasOneHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b begun
		if pending, mine := b.claim("r"); pending != nil || mine {
			t.Error("a look-up of nothing")
		}
		b.put(stored{Record: Record{ID: "r"}, version: firstVersion})
		if pending, mine := b.claim("r"); !mine || pending.ID != "r" {
			t.Errorf("the first: %+v, %v", pending, mine)
		}
		pending, mine := b.claim("r")
		if pending == nil || mine {
			t.Fatalf("the second: %+v, %v", pending, mine)
		}
		waited := false
		go func() {
			pending.wait(t.Context())
			waited = true
		}()
		synctest.Wait()
		if waited {
			t.Error("the second does not wait")
		}
		b.drop("r")
		synctest.Wait()
		if !waited {
			t.Error("the second waits for ever")
		}
		if pending, _ := b.claim("r"); pending != nil {
			t.Error("a look-up that was made is still to be made")
		}
		b.drop("r")
	})
}
