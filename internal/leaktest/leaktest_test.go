package leaktest

import (
	"testing"
	"time"
)

// One that does not end is found, and one that ends late is not.
func TestLeft(t *testing.T) {
	end := make(chan struct{})
	go func() { <-end }()
	if err := left(0); err == nil {
		t.Error("a goroutine that hangs is not found")
	}
	time.AfterFunc(time.Second, func() { close(end) })
	if err := left(patience); err != nil {
		t.Error(err)
	}
}
