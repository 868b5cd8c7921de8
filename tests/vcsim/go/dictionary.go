package main

import (
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// dictionary is a .vmx or .vmsd: keys, whose case does not matter, and texts.
type dictionary struct {
	names  map[string]string // as they were written, by their lower-case form
	values map[string]string
}

var (
	dictionaryLine = regexp.MustCompile(`(?m)^[ \t]*([^#\s=][^=\r\n]*?)[ \t]*=[ \t]*"([^"\r\n]*)"`)
	escape         = regexp.MustCompile(`\|[0-9A-Fa-f]{2}`)
)

func newDictionary() *dictionary {
	return &dictionary{names: map[string]string{}, values: map[string]string{}}
}

func readDictionary(file string) (*dictionary, fault) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fileFault(file, err)
	}
	d := newDictionary()
	for _, found := range dictionaryLine.FindAllStringSubmatch(string(data), -1) {
		d.set(found[1], escape.ReplaceAllStringFunc(found[2], func(each string) string {
			code, _ := strconv.ParseUint(each[1:], 16, 8)
			return string([]byte{byte(code)})
		}))
	}
	return d, nil
}

// set sets a key again; an empty text takes it away.
func (d *dictionary) set(key, value string) {
	lower := strings.ToLower(key)
	if value == "" {
		delete(d.names, lower)
		delete(d.values, lower)
		return
	}
	d.names[lower], d.values[lower] = key, value
}

// take is a key's text, which nobody asks for again.
func (d *dictionary) take(key string) string {
	value := d.values[strings.ToLower(key)]
	d.set(key, "")
	return value
}

// number is a key's text as one, or what it is where there is none.
func (d *dictionary) number(key string, otherwise int64) int64 {
	number, err := strconv.ParseInt(d.take(key), 10, 64)
	if err != nil {
		return otherwise
	}
	return number
}

func (d *dictionary) present(device string) bool {
	return strings.EqualFold(d.take(device+".present"), "TRUE")
}

// keys are all there are, as they were written.
func (d *dictionary) keys() (all []string) {
	for _, each := range d.names {
		all = append(all, each)
	}
	sort.Strings(all)
	return all
}

func (d *dictionary) write(file string) fault {
	text := ".encoding = \"UTF-8\"\n"
	for _, key := range d.keys() {
		value := strings.NewReplacer("|", "|7C", `"`, "|22", "\n", "|0A", "\r", "|0D").Replace(d.values[strings.ToLower(key)])
		if key != ".encoding" {
			text += fmt.Sprintf("%s = \"%s\"\n", key, value)
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fileFault(file, err)
	}
	return nil
}
