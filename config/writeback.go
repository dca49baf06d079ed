package config

import "latchkey/internal/directory"

// DirectoryNamed returns the section [[directory]] with a name that was found to
// be there.
func (c *Config) DirectoryNamed(name string) directory.Config {
	for _, d := range c.Directories {
		if d.Name == name {
			return d
		}
	}
	return directory.Config{}
}

// WrittenBack are the names of the directories into which contacts are written.
func (c *Config) WrittenBack() []string {
	var names []string
	for _, s := range c.Syncs {
		if s.WriteBack.On() {
			names = append(names, s.Directory)
		}
	}
	return names
}
