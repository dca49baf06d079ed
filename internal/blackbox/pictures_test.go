package blackbox

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/internal/testenv"
)

// pictures is the variable that names the folder for the pictures of the README;
// `make screenshots` sets it. Without it they are made and thrown away.
const pictures = "PICTURES"

const (
	pictureWidth  = 380
	pictureHeight = 640
	pictureGap    = 14
)

// TestPictures makes the pictures of the README from the demonstration: the
// pages of one reset, side by side, and the inbox at its end.
func TestPictures(t *testing.T) {
	testenv.Need(t, "chromium")
	t.Parallel()
	d := launch(t, built(t, demo))
	defer d.interrupt(t)
	d.t = t
	first := d.chromium()
	s := &stack{t: t, base: d.base}
	p := &player{tab: s.stranger(first), inbox: (&stack{t: t, base: d.inbox}).stranger(first), d: d}
	p.inbox.visit("/")
	pages := []image.Image{}
	shoot := func(b *tab) { pages = append(pages, b.shot(pictureWidth, pictureHeight)) }
	p.visit("/")
	shoot(p.tab)
	p.submit("/", fields{"login": "alice"})
	p.press(`button[value="email"]`)
	shoot(p.tab)
	p.enter(p.arrived("mail", "alice@home.test", "Your code"))
	shoot(p.tab)
	p.submit("/password", fields{"password": newPassword, "again": newPassword}).on("/done", "Your new password is set")
	shoot(p.tab)
	p.arrived("directory", "new password for alice", "old password: refused", "new password: accepted")
	keepPicture(t, "wizard.png", sideBySide(pages))
	keepPicture(t, "inbox.png", p.inbox.shot(1000, 760))
}

// shot is what a screen of that size shows.
func (b *tab) shot(width, height int64) image.Image {
	b.s.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		b.s.t.Fatal(err)
	}
	data, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.s.t.Fatal(err)
	}
	shown, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		b.s.t.Fatal(err)
	}
	if size := shown.Bounds().Size(); size != image.Pt(int(width), int(height)) {
		b.s.t.Errorf("the picture is %v large", size)
	}
	return shown
}

// sideBySide puts pictures of one size beside each other, on gray.
func sideBySide(all []image.Image) image.Image {
	whole := image.NewRGBA(image.Rect(0, 0, len(all)*(pictureWidth+pictureGap)+pictureGap, pictureHeight+2*pictureGap))
	draw.Draw(whole, whole.Bounds(), image.NewUniform(color.Gray{Y: 0xd8}), image.Point{}, draw.Src)
	for i, one := range all {
		at := image.Pt(pictureGap+i*(pictureWidth+pictureGap), pictureGap)
		draw.Draw(whole, one.Bounds().Add(at), one, image.Point{}, draw.Src)
	}
	return whole
}

func keepPicture(t *testing.T, name string, shown image.Image) {
	t.Helper()
	dir := os.Getenv(pictures)
	if dir == "" {
		dir = t.TempDir()
	}
	var data bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&data, shown); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
