package config

import "reflect"

// Changed names the sections of the file that differ between two configurations,
// in the order of the file.
func (c *Config) Changed(other *Config) []string {
	var names []string
	theirs := reflect.ValueOf(*other)
	for field, ours := range reflect.ValueOf(*c).Fields() {
		if !reflect.DeepEqual(ours.Interface(), theirs.FieldByIndex(field.Index).Interface()) {
			names = append(names, field.Tag.Get("toml"))
		}
	}
	return names
}
