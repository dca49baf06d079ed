package inbox

import (
	"encoding/json"
	"io"
	"net/http"
)

// largestSMS is the longest request that the gateway reads, in bytes.
const largestSMS = 64 << 10

// TakeSMS is an SMS gateway: it takes {"to": …, "text": …}.
func (i *Inbox) TakeSMS(w http.ResponseWriter, r *http.Request) {
	var message struct{ To, Text string }
	if err := json.NewDecoder(io.LimitReader(r.Body, largestSMS)).Decode(&message); err != nil || message.To == "" {
		http.Error(w, "want {\"to\": …, \"text\": …}", http.StatusBadRequest)
		return
	}
	i.Add(Item{Kind: SMS, To: message.To, Title: "SMS", Text: message.Text})
	w.WriteHeader(http.StatusAccepted)
}
