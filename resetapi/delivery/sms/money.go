package sms

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/setting"
)

// Amount is money in ten-thousandths of the currency's unit, written as a
// decimal such as "0.075". No sum is ever rounded.
type Amount int64

// places are the digits behind the point, and unit is 1 of the currency.
const (
	places = 4
	unit   = Amount(10_000)
)

// maxAmount is more than anybody pays for SMS, and far from overflow.
const maxAmount = 1_000_000_000 * unit

// UnmarshalText reads a decimal that is not negative.
func (a *Amount) UnmarshalText(text []byte) error {
	whole, fraction, _ := strings.Cut(string(text), ".")
	wrong := fmt.Errorf("%q is not an amount such as \"12.50\", with four digits behind the point at most", text)
	if len(whole) == 0 || len(whole) > 10 || len(fraction) > places || strings.HasSuffix(string(text), ".") {
		return wrong
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 63)
	if err != nil || Amount(n) > maxAmount {
		return wrong
	}
	*a = Amount(n)
	return nil
}

// MarshalText writes the form that UnmarshalText reads.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a Amount) String() string {
	fraction := strings.TrimRight(fmt.Sprintf("%0*d", places, a%unit), "0")
	if fraction == "" {
		return strconv.FormatInt(int64(a/unit), 10)
	}
	return fmt.Sprintf("%d.%s", a/unit, fraction)
}

// Float is the amount for a metric.
func (a Amount) Float() float64 { return float64(a) / float64(unit) }

// priceOf is what a message to a number costs: the price of the longest prefix
// that fits it, or that of all others.
func (c Config) priceOf(number string) Amount {
	price, longest := c.Price, 0
	for prefix, text := range c.Prices {
		var special Amount
		if len(prefix) > longest && strings.HasPrefix(number, prefix) && special.UnmarshalText([]byte(text)) == nil {
			price, longest = special, len(prefix)
		}
	}
	return price
}

// moneyFaults finds a cap that nothing can reach, and prices that are none.
func (c Config) moneyFaults() []setting.Fault {
	var faults []setting.Fault
	for _, prefix := range slices.Sorted(maps.Keys(c.Prices)) {
		digits, ok := strings.CutPrefix(prefix, "+")
		if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
			faults = append(faults, setting.Fault{Key: "prices", Problem: fmt.Sprintf("has %q, which no number begins with", prefix), Allowed: `the beginning of numbers, such as "+49"`})
		}
		if err := new(Amount).UnmarshalText([]byte(c.Prices[prefix])); err != nil {
			faults = append(faults, setting.Fault{Key: "prices." + prefix, Problem: "is no price: " + err.Error(), Allowed: `a decimal such as "0.075"`})
		}
	}
	if c.MaxCostPerDay > 0 && c.Price == 0 {
		faults = append(faults, setting.Missing("price", `with max_cost_per_day, what one SMS costs where no prefix of prices fits, such as "0.10"`))
	}
	return faults
}

// watchFaults judges the keys of the watch on codes.
func (c Config) watchFaults() []setting.Fault {
	var faults []setting.Fault
	if c.WatchPercent < 0 || c.WatchPercent > 90 {
		faults = append(faults, setting.OutOfRange("watch_percent", c.WatchPercent, "0, which is off,", 90))
	}
	if c.WatchMinimum < 1 || c.WatchMinimum > 10_000 {
		faults = append(faults, setting.OutOfRange("watch_minimum", c.WatchMinimum, 1, 10_000))
	}
	if d := c.WatchWindow.Std(); d < shortestWatch || d > longestWatch {
		faults = append(faults, setting.OutOfRange("watch_window", c.WatchWindow, setting.Duration(shortestWatch), setting.Duration(longestWatch)))
	}
	return faults
}
