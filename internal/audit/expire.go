package audit

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// expire removes the files all of whose lines are older than the retention.
// What goes is written down before it goes, so that nobody else can take
// lines off the beginning unseen.
func (l *Log) expire() {
	files, err := segments(l.writer.dir)
	if err != nil {
		l.logger.Error("old files of the audit cannot be removed", "error", err)
		return
	}
	oldest := time.Now().Add(-l.config.Retention.Std())
	gone := 0
	for gone+1 < len(files) {
		// Every line of a file is older than the first of the next one.
		first, err := firstLine(filepath.Join(l.writer.dir, files[gone+1].name))
		if err != nil || !first.Time.Before(oldest) {
			break
		}
		gone++
	}
	if gone == 0 {
		return
	}
	through := files[gone].first - 1
	if err := l.append([]Line{{Time: now(), Event: Event{Kind: Expired}, Through: through}}); err != nil {
		return
	}
	for _, file := range files[:gone] {
		if err := os.Remove(filepath.Join(l.writer.dir, file.name)); err != nil {
			l.logger.Error("an old file of the audit cannot be removed", "error", err)
			return
		}
	}
	l.logger.Info("old files of the audit were removed", "files", gone, "through", through)
}

// firstLine reads the first line of a file.
func firstLine(path string) (Line, error) {
	var line Line
	errEnough := errors.New("enough")
	_, err := eachLine(path, func(text []byte) error {
		return errors.Join(errEnough, json.Unmarshal(text, &line))
	})
	if line.Sequence == 0 {
		return line, errors.Join(errTorn, err)
	}
	return line, nil
}
