package serving

import (
	"context"
	"sync"

	"latchkey/internal/contact"
	"latchkey/internal/directory"
	"latchkey/ldapsync/writeback"
)

// openWriters makes the identities ready that write contacts back. They connect
// with their first work: one that is not let in keeps nobody from a reset.
func (b *Backends) openWriters() error {
	b.writers = make(map[string]*directory.WriteBack)
	for _, section := range b.Config.Syncs {
		if !section.WriteBack.On() {
			continue
		}
		w, err := directory.OpenWriteBack(b.Config.DirectoryNamed(section.Directory), section.WriteBack.Account(), b.Logger)
		if err != nil {
			return err
		}
		b.writers[section.Directory] = w
	}
	return nil
}

// writeBack writes contacts into the directories, where that is configured, until
// the context ends.
func (b *Backends) writeBack(ctx context.Context, running *sync.WaitGroup) {
	for _, section := range b.Config.Syncs {
		writer, on := b.writers[section.Directory]
		if !on {
			continue
		}
		worker := &writeback.Worker{
			Directory: section.Directory, Config: section.WriteBack, Region: b.Config.Contacts.DefaultRegion,
			Target: writer, People: b.directoryNamed(section.Directory),
			Cards: contact.NewStore(b.Store, b.Keys), Store: b.Store, Keys: b.Keys,
			Audit: b.Audit, Logger: b.Logger, Meter: b.Metrics, FullEvery: section.FullEvery.Std(),
		}
		running.Go(func() { worker.Run(ctx) })
	}
}
