package telemetry

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapePatience bounds what one value may ask for while it is scraped.
const scrapePatience = 2 * time.Second

// gauge registers a value that is asked for at each scrape.
func (m *Metrics) gauge(name, help string, value func(context.Context) (float64, error)) {
	if m == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
		func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
			defer cancel()
			v, err := value(ctx)
			if err != nil {
				return math.NaN()
			}
			return v
		},
	))
}
