using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Native;

/// <summary>
/// Reads the value of <c>"instances"</c>: rows that are stacked along a new first dimension. Bare values are the rows of the
/// one input; objects hold a row of each input, and every object must hold the same inputs. Where the one input is a table with named
/// columns, an object may hold its row by their names.
/// </summary>
internal static class NativeInstances
{
    public static void Read(ref Utf8JsonReader reader, NativeReading reading)
    {
        Utf8JsonReader first = reader;
        if (reader.TokenType != JsonTokenType.StartArray || !first.Read() || first.TokenType == JsonTokenType.EndArray)
        {
            string kind = reader.TokenType == JsonTokenType.StartArray ? "an empty array" : JsonKinds.Of(reader, reading.Text);
            Refuse(ref reader, reading, $"'instances' must be an array of at least one instance, but it is {kind}.");
        }
        else if (first.TokenType == JsonTokenType.StartObject && !reading.IsBase64Element(first))
        {
            if (reading.SoleInput() is >= 0 and int table && NativeColumns.IsRow(first, reading, reading.Signature.Inputs[table]))
            {
                NativeColumns.Read(ref reader, reading, reading.Signature.Inputs[table]);
            }
            else
            {
                ReadObjects(ref reader, reading);
            }
        }
        else if (reading.SoleInput() is >= 0 and int sole)
        {
            // A row is an element of the array, so the array is the tensor.
            reading.ReadInput(ref reader, sole);
        }
        else
        {
            Refuse(ref reader, reading, $"Each instance must be an object of the model's inputs, but the first is {JsonKinds.Of(first, reading.Text)}.");
        }
    }

    private static void Refuse(ref Utf8JsonReader reader, NativeReading reading, string message)
    {
        reading.Faults.Add("instances", message);
        reading.MarkAllFaulty();
        reader.Skip();
    }

    private static void ReadObjects(ref Utf8JsonReader reader, NativeReading reading)
    {
        var columns = new Column[reading.Signature.Inputs.Count];
        try
        {
            bool mixed = false;
            for (int row = 0; !reading.IsFull; row++)
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.EndArray)
                {
                    AddTensors(columns, reading);
                    return;
                }

                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadRow(ref reader, reading, columns, row);
                    continue;
                }

                if (!mixed)
                {
                    mixed = true;
                    reading.Faults.Add("instances", $"The first instance is an object, but instance {row} is {JsonKinds.Of(reader, reading.Text)}.");
                    reading.MarkAllFaulty();
                }

                reader.Skip();
            }
        }
        finally
        {
            foreach (Column column in columns)
            {
                column.Builder?.Dispose();
            }
        }
    }

    private static void ReadRow(ref Utf8JsonReader reader, NativeReading reading, Column[] columns, int row)
    {
        for (int next = 0; !reading.IsFull;)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                CheckRow(reading, columns, row);
                return;
            }

            int index = NativeInputs.IndexOf(ref reader, reading, next);
            reader.Read();
            if (index < 0)
            {
                reader.Skip();
                continue;
            }

            next = index + 1;
            ReadCell(ref reader, reading, ref columns[index], reading.Signature.Inputs[index], row);
        }
    }

    private static void ReadCell(ref Utf8JsonReader reader, NativeReading reading, ref Column column, TensorSpec spec, int row)
    {
        if (column.Rows > row)
        {
            Report(reading, spec.Name, $"Instance {row} has input '{spec.Name}' more than once.");
            reader.Skip();
            return;
        }

        if (column.Builder is null)
        {
            column.Builder = JsonTensorBuilder.Rent(reading.Text, spec.Name, spec.Type, JsonTensorReader.ExpectedElements(spec), reading.Faults);
            column.Builder.OpenRows();
        }

        if (column.Rows < row)
        {
            Report(reading, spec.Name, $"Instance {row} has input '{spec.Name}', but an instance before it has not.");
        }

        column.Builder.Read(ref reader);
        column.Rows = row + 1;
    }

    private static void CheckRow(NativeReading reading, Column[] columns, int row)
    {
        for (int i = 0; i < columns.Length; i++)
        {
            if (columns[i].Builder is not null && columns[i].Rows <= row)
            {
                string name = reading.Signature.Inputs[i].Name;
                Report(reading, name, $"Instance {row} has no input '{name}', but an instance before it has.");
            }
        }
    }

    // Once an input: a thousand instances of one kind have one fault.
    private static void Report(NativeReading reading, string input, string message)
    {
        if (reading.MarkFaulty(input))
        {
            reading.Faults.Add(input, message);
        }
    }

    private static void AddTensors(Column[] columns, NativeReading reading)
    {
        for (int i = 0; i < columns.Length; i++)
        {
            if (columns[i].Builder is not { } builder)
            {
                continue;
            }

            builder.CloseRows();
            string name = reading.Signature.Inputs[i].Name;
            bool told = reading.Faulty?.Contains(name) == true;
            reading.Add(name, told ? null : builder.ToTensor(reading.Signature.Inputs[i].Dimensions));
        }
    }

    private struct Column
    {
        public JsonTensorBuilder? Builder;
        public int Rows;
    }
}
