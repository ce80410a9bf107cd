// Runs a declarative Jenkinsfile with the Groovy that Jenkins has (2.4), and prints what it declares as JSON: {name, args, children}, with assignments as
// {name: "=", args: [key, value]}. Nothing is carried out. Groovy itself finds what is no Groovy; what is no pipeline is up to the reader.
//   java -cp /usr/share/java/groovy-all.jar groovy.ui.GroovyMain tests/jenkinsfile.groovy Jenkinsfile
import groovy.json.JsonOutput
import org.codehaus.groovy.control.CompilerConfiguration

class Recorder {
    static List path = [[name: 'file', args: [], children: []]]

    static Object record(String name, List args) {
        def node = [name: name, args: args.findAll { !(it instanceof Closure) }.collect { it instanceof Map ? it : it?.toString() }, children: []]
        path[-1].children << node
        def body = args.find { it instanceof Closure }
        if (body) {
            path << node
            body.resolveStrategy = Closure.OWNER_FIRST
            def value = body.call()
            path.pop()
            // An expression declares nothing; it is what it returns.
            if (!node.children && value != null) {
                node.args << value.toString()
            }
        }
        return node.args ? name + ':' + node.args[0] : name
    }
}

abstract class Pipeline extends Script {
    Object invokeMethod(String name, Object args) { Recorder.record(name, (args as Object[]).toList()) }

    // Any parameter and any variable of the environment is there; another word is itself, as in "agent any".
    Object getProperty(String name) { name in ['params', 'env'] ? [:].withDefault { "${name}.${it}".toString() } : name }

    void setProperty(String name, Object value) { Recorder.path[-1].children << [name: '=', args: [name, value?.toString()], children: []] }
}

def configuration = new CompilerConfiguration(scriptBaseClass: Pipeline.name)
new GroovyShell(Pipeline.classLoader, new Binding(), configuration).parse(new File(args[0])).run()
println JsonOutput.toJson(Recorder.path[0].children)
