package serving

import (
	"context"
	"sync"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/ldapsync"
	"latchkey/resetapi/delivery"
)

// followDirectories keeps contacts as they are in the directories, where that is
// configured, until the context ends.
func (b *Backends) followDirectories(ctx context.Context, running *sync.WaitGroup, queue *delivery.Queue) {
	for _, section := range b.Config.Syncs {
		if !section.Follow {
			continue
		}
		follower := &ldapsync.Follower{
			Config: section, Rules: b.Config.Contacts, Source: ldapsync.NewStream(b.directoryNamed(section.Directory), section),
			Cards: contact.NewStore(b.Store, b.Keys), Store: b.Store, Keys: b.Keys, Logger: b.Logger, Meter: b.Metrics,
			Audit: b.Audit, Notices: queue,
		}
		running.Go(func() { follower.Run(ctx) })
	}
}

// directoryNamed returns a directory that the configuration was found to have.
func (b *Backends) directoryNamed(name string) *directory.Directory {
	for _, d := range b.Directories {
		if d.Name() == name {
			return d
		}
	}
	return nil
}
