package ldapserver

// Code is a result code (RFC 4511 §4.1.9 and appendix A).
type Code int

// The result codes in use.
const (
	Success                      Code = 0
	OperationsError              Code = 1
	ProtocolError                Code = 2
	TimeLimitExceeded            Code = 3
	SizeLimitExceeded            Code = 4
	CompareFalse                 Code = 5
	CompareTrue                  Code = 6
	AuthMethodNotSupported       Code = 7
	StrongerAuthRequired         Code = 8
	AdminLimitExceeded           Code = 11
	UnavailableCriticalExtension Code = 12
	ConfidentialityRequired      Code = 13
	NoSuchAttribute              Code = 16
	UndefinedAttributeType       Code = 17
	InappropriateMatching        Code = 18
	ConstraintViolation          Code = 19
	AttributeOrValueExists       Code = 20
	InvalidAttributeSyntax       Code = 21
	NoSuchObject                 Code = 32
	InvalidDNSyntax              Code = 34
	InappropriateAuthentication  Code = 48
	InvalidCredentials           Code = 49
	InsufficientAccessRights     Code = 50
	Busy                         Code = 51
	Unavailable                  Code = 52
	UnwillingToPerform           Code = 53
	NamingViolation              Code = 64
	ObjectClassViolation         Code = 65
	NotAllowedOnNonLeaf          Code = 66
	NotAllowedOnRDN              Code = 67
	EntryAlreadyExists           Code = 68
	AffectsMultipleDSAs          Code = 71
	Other                        Code = 80
	AssertionFailed              Code = 122
)

// Result is how an operation ended. The zero value is success.
type Result struct {
	Code Code
	// Matched is the name of the nearest entry above one that was not found.
	Matched string
	// Text is the diagnostic message; clients see it.
	Text string
	// Referrals are the URLs of a referral.
	Referrals []string
	// Controls go with the result.
	Controls []Control
}

// Failure returns a result with a code and a text.
func Failure(code Code, text string) Result { return Result{Code: code, Text: text} }

// ExtendedResult is how an extended operation ended.
type ExtendedResult struct {
	Result
	// Name is the responseName, where there is one.
	Name string
	// Value is the responseValue, if HasValue.
	Value    string
	HasValue bool
}
