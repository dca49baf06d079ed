package password

import "strings"

// keyboardWays are the ways of a finger over a keyboard: rows, columns and zigzag,
// of the layouts QWERTY, QWERTZ and AZERTY.
func keyboardWays() []string {
	return []string{
		"qwertyuiop", "qwertzuiopü", "azertyuiop", "asdfghjkl", "asdfghjklöä", "qsdfghjklm", "zxcvbnm", "yxcvbnm", "wxcvbn",
		"!@#$%^&*()", `!"§$%&/()=`,
		"qazwsxedcrfvtgbyhnujm", "qaywsxedcrfvtgbzhnujm",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1qay2wsx3edc4rfv5tgb6zhn7ujm8ik9ol0p",
		"1q2w3e4r5t6y7u8i9o0p", "1q2w3e4r5t6z7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "q1w2e3r4t5z6u7i8o9p0", "a1s2d3f4g5h6j7k8l9",
	}
}

// commonWords are what people make passwords of when nobody stops them: words
// for passwords and accounts, seasons, months and days, greetings and love,
// names, animals, games, places and colors, in English and German.
func commonWords() []string { return common }

var common = strings.Fields(`
password passwort passwd passw pass kennwort geheim secret private privat login logon signin user username admin
administrator root master system server computer internet network windows office account konto test testing demo
default guest gast temp temporary changeme change letmein letme open sesame access enter welcome willkommen trustno
start neu new old alt my mein dein your the and und qwerty qwertz azerty asdf zxcv yxcv abc xyz
spring summer autumn fall winter frühling fruehling sommer herbst
january february march april may june july august september october november december
januar februar märz maerz mai juni juli oktober dezember
monday tuesday wednesday thursday friday saturday sunday
montag dienstag mittwoch donnerstag freitag samstag sonntag today morning
hello hallo servus ciao hi iloveyou ilove love liebe lover loveme schatz schatzi baby babygirl princess prinzessin
angel engel sweet honey sunshine sonnenschein flower blume happy lucky forever friend friends family familie
mama papa mother father mutter vater
michael daniel thomas andreas stefan stephan peter martin robert david alexander christian sebastian patrick
anthony joshua matthew andrew jordan justin charlie george harry william james john max paul felix leon lukas
jennifer jessica michelle nicole ashley amanda sarah sandra anna maria julia laura lisa lena sophie emma hannah
dragon monkey tiger lion shadow eagle falcon wolf bear panther dolphin butterfly mustang ginger pepper cookie
hund katze pferd maus hase dog cat horse kitty bunny
football baseball basketball soccer hockey fussball fußball tennis golf player killer hunter ranger soldier
batman superman spiderman pokemon starwars matrix naruto minecraft fortnite
liverpool arsenal chelsea barcelona juventus bayern dortmund schalke berlin hamburg münchen muenchen köln koeln
london paris germany deutschland england america austria wien europe
red blue green black white silver gold golden orange purple rot blau grün gruen schwarz weiss
ferrari porsche mercedes bmw audi harley yamaha corvette
freedom freiheit peace power money winner number one super cool freak whatever nothing something blink
jesus christ god heaven hell devil diamond crystal magic music musik guitar rock metal star moon sun phoenix
apple google facebook samsung nokia cheese chocolate banana pizza coffee kaffee company firma team work arbeit
`)
