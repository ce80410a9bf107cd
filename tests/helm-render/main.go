// Renders a Helm chart as `helm template` does, for tests on machines that have no helm: the same template engine (text/template with
// sprig), the same YAML (sigs.k8s.io/yaml), the same rules for values, and the values checked against the chart's schema. What it lacks is
// what the chart does not use: subcharts, hooks' order, lookups in a cluster.
//
// Usage: helm-render [-name NAME] [-namespace NAMESPACE] [-api GROUP/VERSION]... [-f VALUES]... CHART
//
// Writes each rendered template behind a line "# Source: FILE", NOTES.txt included. Ends with 1 and the reason where helm would refuse.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/xeipuuv/gojsonschema"
	"sigs.k8s.io/yaml"
)

type values = map[string]interface{}

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, ",") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// files is .Files of a template.
type files struct{ root string }

func (f files) Get(name string) string {
	content, err := os.ReadFile(filepath.Join(f.root, name))
	if err != nil {
		return ""
	}
	return string(content)
}

// apis is .Capabilities.APIVersions.
type apis []string

func (a apis) Has(name string) bool {
	for _, known := range a {
		if known == name {
			return true
		}
	}
	return false
}

func main() {
	var files, known texts
	name := flag.String("name", "release-name", "name of the release")
	namespace := flag.String("namespace", "default", "namespace of the release")
	flag.Var(&files, "f", "file with values, stronger than those before it")
	flag.Var(&known, "api", "API version that the cluster has")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := render(flag.Arg(0), *name, *namespace, files, known); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func render(chart, name, namespace string, valueFiles, known []string) error {
	about, err := read(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		return err
	}
	merged, err := read(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	for _, file := range valueFiles {
		more, err := read(file)
		if err != nil {
			return err
		}
		merge(merged, more)
	}
	if err := check(filepath.Join(chart, "values.schema.json"), merged); err != nil {
		return err
	}

	// In templates the keys of Chart.yaml begin with a capital.
	capital := values{}
	for key, value := range about {
		capital[strings.ToUpper(key[:1])+key[1:]] = value
	}
	top := values{
		"Values": merged,
		"Chart":  capital,
		"Files":  files{chart},
		"Release": values{
			"Name": name, "Namespace": namespace, "Service": "Helm", "Revision": 1, "IsInstall": true, "IsUpgrade": false,
		},
		"Capabilities": values{
			"APIVersions": apis(known),
			"KubeVersion": values{"Version": "v1.32.0", "Major": "1", "Minor": "32", "GitVersion": "v1.32.0"},
		},
	}
	return execute(chart, top)
}

func execute(chart string, top values) error {
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	var names []string
	folder := filepath.Join(chart, "templates")
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(chart, path)
		names = append(names, relative)
		_, err = all.New(relative).Parse(string(text))
		return err
	})
	if err != nil {
		return err
	}
	sort.Strings(names)
	var rendered strings.Builder
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), "_") {
			continue
		}
		data := values{"Template": values{"Name": name, "BasePath": folder}}
		for key, value := range top {
			data[key] = value
		}
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, name, data); err != nil {
			return err
		}
		// A missing key is printed as nothing, as helm does.
		text := strings.TrimSpace(strings.ReplaceAll(out.String(), "<no value>", ""))
		if text != "" {
			fmt.Fprintf(&rendered, "---\n# Source: %s\n%s\n", name, text)
		}
	}
	_, err = fmt.Print(rendered.String())
	return err
}

func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	delete(known, "env")
	delete(known, "expandenv")
	known["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	known["fromYaml"] = func(text string) (values, error) {
		result := values{}
		err := yaml.Unmarshal([]byte(text), &result)
		return result, err
	}
	known["include"] = func(name string, data interface{}) (string, error) {
		var out strings.Builder
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	known["tpl"] = func(text string, data interface{}) (string, error) {
		copied, err := all.Clone()
		if err != nil {
			return "", err
		}
		parsed, err := copied.New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		var out strings.Builder
		err = parsed.Execute(&out, data)
		return out.String(), err
	}
	known["required"] = func(reason string, value interface{}) (interface{}, error) {
		if text, isText := value.(string); value == nil || isText && text == "" {
			return nil, fmt.Errorf("%s", reason)
		}
		return value, nil
	}
	known["lookup"] = func(string, string, string, string) values { return values{} }
	return known
}

func read(path string) (values, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	result := values{}
	if err := yaml.UnmarshalStrict(text, &result); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return result, nil
}

// merge puts more over base: maps key by key, all else replaced; null takes a key away.
func merge(base, more values) {
	for key, value := range more {
		inner, isMap := value.(values)
		below, wasMap := base[key].(values)
		switch {
		case value == nil:
			delete(base, key)
		case isMap && wasMap:
			merge(below, inner)
		default:
			base[key] = value
		}
	}
}

func check(schema string, merged values) error {
	text, err := os.ReadFile(schema)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	result, err := gojsonschema.Validate(gojsonschema.NewBytesLoader(text), gojsonschema.NewGoLoader(merged))
	if err != nil {
		return fmt.Errorf("%s: %w", schema, err)
	}
	if result.Valid() {
		return nil
	}
	var faults []string
	for _, fault := range result.Errors() {
		faults = append(faults, "- "+fault.String())
	}
	return fmt.Errorf("values don't meet the specifications of the schema:\n%s", strings.Join(faults, "\n"))
}
